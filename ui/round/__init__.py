"""The class round: rooms in which a class votes on a question, talks, votes again, and sees."""
