const NAME_IT = 'Name the topic (--kafka HOST:PORT --topic NAME)';

/** Warnings for who names the log of a proxy alone, though that shares a topic with others: what they wrote is not read. */
export const TOPIC_UNREAD = {
  /** By a search or a restore. */
  read: `warning: this log goes to a topic, where other proxies may write: of what came by them only the repository is asked. ${NAME_IT}`,
  /** By a standby. */
  followed: `this log goes to a topic, where other proxies may write: what comes by them is not followed, and the target does not get it. ${NAME_IT}`,
} as const;
