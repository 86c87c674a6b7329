"""Generation in pictures: the next token's candidates, what each layer would say, the cache, and the loss."""
