/** The configuration files of the collectors, as text. */
export interface Feed {
  readonly host: string;
  readonly port: number;
  readonly intervalSeconds: number;
}

export function collectdConfig(feed: Feed, directory: string): string {
  return `Hostname "demo-collectd"
FQDNLookup false
BaseDir "${directory}"
PIDFile "${directory}/collectd.pid"
Interval ${feed.intervalSeconds}
LoadPlugin logfile
<Plugin logfile>
  LogLevel notice
  File STDOUT
  Timestamp true
</Plugin>
LoadPlugin cpu
LoadPlugin load
LoadPlugin memory
LoadPlugin interface
LoadPlugin write_tsdb
<Plugin write_tsdb>
  <Node "proxy">
    Host "${feed.host}"
    Port "${feed.port}"
    HostTags "source=collectd"
  </Node>
</Plugin>
`;
}

/** Without a web server, alarms or plug-ins other than the readers of /proc. */
export function netdataConfig(directory: string, user: string): string {
  const off = ['timex', 'idlejitter', 'tc', 'cgroups', 'diskspace', 'apps', 'charts.d', 'python.d'];
  off.push('go.d', 'fping', 'ioping', 'perf', 'slabinfo', 'nfacct', 'ebpf', 'cups');
  off.push('netdata monitoring', 'enable running new plugins');
  return `[global]
  run as user = ${user}
  hostname = demo-netdata
[directories]
  config = ${directory}
  cache = ${directory}/cache
  lib = ${directory}/lib
  log = ${directory}/log
  home = ${directory}
[logs]
  error = ${directory}/log/error.log
  access = none
  debug = none
[db]
  mode = ram
  retention = 300
  update every = 1
[web]
  mode = none
[health]
  enabled = no
[statsd]
  enabled = no
[ml]
  enabled = no
[registry]
  enabled = no
[plugins]
  proc = yes
${off.map((name) => `  ${name} = no\n`).join('')}`;
}

export function netdataExporting(feed: Feed): string {
  return `[exporting:global]
  enabled = yes
[opentsdb:http:proxy]
  enabled = yes
  destination = ${feed.host}:${feed.port}
  data source = as collected
  prefix = netdata
  hostname = demo-netdata
  update every = ${feed.intervalSeconds}
  buffer on failures = 60
  timeout ms = 5000
  send charts matching = *
`;
}
