import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Daemon } from './daemon.ts';
import { javaCommand } from './jars.ts';
import { ADD_OPENS } from './jvm-flags.ts';

export interface HBaseOptions {
  readonly directory: string;
  readonly jars: string;
  readonly ports: { readonly zookeeper: number; readonly master: number; readonly region: number };
  readonly jvm: readonly string[];
}

const LOG4J = `log4j.rootLogger=WARN,A
log4j.appender.A=org.apache.log4j.ConsoleAppender
log4j.appender.A.layout=org.apache.log4j.PatternLayout
log4j.appender.A.layout.ConversionPattern=%d %p %c{2}: %m%n
log4j.logger.org.apache.hadoop.hbase.master.HMaster=INFO
`;

/** HBase in one JVM with a ZooKeeper of its own. */
export function hbaseDaemon({ directory, jars, ports, jvm }: HBaseOptions): Daemon {
  mkdirSync(hbaseConf(directory), { recursive: true });
  writeFileSync(join(hbaseConf(directory), 'hbase-site.xml'), siteXml(directory, ports));
  writeFileSync(join(hbaseConf(directory), 'log4j.properties'), LOG4J);
  return new Daemon({
    directory,
    name: 'hbase',
    command: javaCommand(),
    args: [
      ...jvm,
      ...ADD_OPENS,
      '-cp',
      hbaseClassPath(directory, jars),
      'org.apache.hadoop.hbase.master.HMaster',
      'start',
    ],
    ready: (log) => log.includes('Master has completed initialization'),
  });
}

export function hbaseClassPath(directory: string, jars: string): string {
  return `${hbaseConf(directory)}:${join(jars, '*')}`;
}

function hbaseConf(directory: string): string {
  return join(directory, 'hbase-conf');
}

function siteXml(directory: string, ports: HBaseOptions['ports']): string {
  const properties: Record<string, string | number | boolean> = {
    'hbase.rootdir': `file://${join(directory, 'hbase-data')}`,
    'hbase.tmp.dir': join(directory, 'hbase-tmp'),
    'hbase.zookeeper.quorum': '127.0.0.1',
    'hbase.zookeeper.property.dataDir': join(directory, 'zookeeper-data'),
    'hbase.zookeeper.property.clientPort': ports.zookeeper,
    'hbase.zookeeper.property.clientPortAddress': '127.0.0.1',
    'hbase.cluster.distributed': false,
    'hbase.unsafe.stream.capability.enforce': false,
    'hbase.wal.provider': 'filesystem',
    'hbase.master.port': ports.master,
    'hbase.regionserver.port': ports.region,
    'hbase.master.info.port': -1,
    'hbase.regionserver.info.port': -1,
    'hbase.master.hostname': 'localhost',
    'hbase.regionserver.hostname': 'localhost',
    'hbase.master.ipc.address': '127.0.0.1',
    'hbase.regionserver.ipc.address': '127.0.0.1',
    // One region server is all there will be: do not wait for more.
    'hbase.master.wait.on.regionservers.maxtostart': 1,
    'hbase.master.wait.on.regionservers.interval': 100,
    'hbase.regionserver.msginterval': 500,
  };
  const lines = Object.entries(properties).map(
    ([name, value]) => `<property><name>${name}</name><value>${value}</value></property>`,
  );
  return `<configuration>\n${lines.join('\n')}\n</configuration>\n`;
}
