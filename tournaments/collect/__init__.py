"""What `lzeval rate` takes in: games from records, logs, histories and tables, each once, under the right names.

`collect_games` is the way in. `finding` tells what a path holds, `reading` reads records on all cores, `state` logs and
gomill's files, `tables` CSV; `merging` drops what came twice, `names` and `choice` rename and leave out.
"""
