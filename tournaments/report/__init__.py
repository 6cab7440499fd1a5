"""What games say, for readers: one page of HTML, tables for papers, a line for the terminal."""
