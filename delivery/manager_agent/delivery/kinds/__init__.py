"""One file a kind of message, named for it, holding `KIND`; nothing registers it but its place."""
