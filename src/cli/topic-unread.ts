/** Of a search or restore that reads a log which is brought to a topic, and not the topic. */
export const TOPIC_UNREAD =
  'warning: this log goes to a topic, where other proxies may write: of what came by them only the repository is asked. Name the topic (--kafka HOST:PORT --topic NAME)';
