#!/bin/sh
# A process that runs but never asks for an event; a test asks in its place.
exec /bin/sleep 60
