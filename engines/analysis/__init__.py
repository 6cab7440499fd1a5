"""KataGo's JSON analysis protocol, answered by a network of ours."""
