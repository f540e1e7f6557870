"""Who wrote demo.new{series=0} since a moment? Plain SQL over the files of a repository, without tsdb-wal.

usage: who-wrote.py REPOSITORY EPOCH_MS
"""
import glob
import json
import os
import sys

try:
    import duckdb
except ImportError:
    sys.exit("python3 has no package duckdb: pip install duckdb")

repository, moment_ms = sys.argv[1], int(sys.argv[2])

# What counts is what a sidecar names; minutes alone hold every record once.
files = []
for sidecar in glob.glob(f"{repository}/lanes/*/minute/*/*/*/*.json"):
    with open(sidecar) as opened:
        data = json.load(opened)["data"]
    if data is not None:
        files.append(os.path.join(repository, data["object"]))

print(
    duckdb.sql(
        """
        select epoch_ms(received_at) as received, transport, source, value, count(*) as points
        from read_parquet($files)
        where kind = 'put' and metric = 'demo.new' and tags like '%series=0%' and received_at > $moment
        group by all order by received limit 5
        """,
        params={"files": files, "moment": moment_ms},
    )
)
