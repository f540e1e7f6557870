/** For JVMs that do little, or not for long: less to compile, fewer threads. */
export const SHORT_LIVED: readonly string[] = [
  '-Xshare:auto',
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
];

export const SMALL_JVM: readonly string[] = ['-Xmx192m', ...SHORT_LIVED];

/** What HBase and OpenTSDB reach into on Java 17 and later. */
export const ADD_OPENS: readonly string[] = [
  ...[
    'java.lang',
    'java.lang.reflect',
    'java.nio',
    'java.util',
    'java.util.concurrent',
    'sun.nio.ch',
    'java.io',
    'java.net',
    'jdk.internal.ref',
  ].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
  '--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED',
];
