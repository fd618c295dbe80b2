"""Pure: frames, settings, memory and the time in; findings, messages and decisions out."""
