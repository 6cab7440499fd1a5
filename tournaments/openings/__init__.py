"""Books of openings made: candidates, the judges that find them even or not, and the choice among them."""
