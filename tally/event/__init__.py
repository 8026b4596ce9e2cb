"""What a record of the topic means: read, judged and put into columns. No I/O."""
