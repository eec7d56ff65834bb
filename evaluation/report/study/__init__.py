"""What the records of a study say, in words, tables and charts."""
