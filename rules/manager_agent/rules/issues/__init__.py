"""Similar errors as one issue: how they are told apart, their life, and what to say of them."""
