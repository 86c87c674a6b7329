"""Inside one block: positions, a norm before and after, the MLP's units, and how long the stream's vectors are."""
