"""Publishing tools: the book's tabs, the cuts per library, the decks, and stored outputs."""
