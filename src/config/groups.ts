/** What each group of options is about, as a heading. */
export const GROUPS: Readonly<Record<string, string>> = {
  '': 'General',
  limits: 'Limits on clients',
  wal: 'The log',
  delivery: 'Delivery to the primary',
  archiver: 'The archiver',
  kafka: 'Kafka',
  'kafka.topic': 'The topic',
};
