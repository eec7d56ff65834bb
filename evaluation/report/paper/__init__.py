"""What leaves the screen: the booklet, the deck, and their printing."""
