"""Reports of games: a page of HTML, tables as CSV, Markdown and LaTeX, tables on the terminal."""
