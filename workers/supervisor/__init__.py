"""`manage.py up`: the whole of Handgrad on one machine, as child processes of one supervisor.

processes   what runs, as one table; docker-compose.yml mirrors it
broker      which Redis: the one named, one on this machine, or a child of ours
ports       an address that is free, and stays the same from start to start
readiness   whether the address answers
lock        one supervisor for a data folder
child       one process: its group, its lines, its restarts, its end
guardian    ends the children when the supervisor itself is killed
log         one log, a prefix for each process
stack       the order in which all of it starts and stops
welcome     what the terminal shows once the address answers
"""
