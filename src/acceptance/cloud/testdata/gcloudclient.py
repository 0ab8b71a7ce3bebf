"""A command of gcloud, run by gcloudserver.py at a socket: gcloudclient.py SOCKET ARGUMENTS…"""
import json
import os
import socket
import sys

server = socket.socket(socket.AF_UNIX)
server.connect(sys.argv[1])
command = json.dumps({"args": sys.argv[2:], "env": dict(os.environ), "dir": os.getcwd()}).encode() + b"\0"
sent = socket.send_fds(server, [command], [0, 1, 2])
server.sendall(command[sent:])
code = server.recv(1)
os._exit(code[0] if code else 70)
