// Reads messages from the server page by page, forward only.

const PAGE_SIZE = 100;

/**
 * Yields lists of messages, oldest first.
 *
 * @param ask     async: like `Connection.ask`
 * @param wanted  `{}` for undelivered messages, or `{channelId, afterSeq}`
 */
export async function* pagesOf(ask, wanted) {
  let page = { nextCursor: null };
  do {
    const start = page.nextCursor === null ? wanted : { cursor: page.nextCursor };
    page = await ask("message:getOffline", { ...start, limit: PAGE_SIZE });
    yield page.messages;
  } while (page.nextCursor !== null);
}

/**
 * Returns an `afterSeq` with which the server returns the last messages of a channel: at least
 * `count` (or all, if there are fewer), and at most about `2 * count`. Finds the last message by
 * doubling and then by bisection, with 17 requests of one message each for 100,000 messages.
 */
export async function startOfLast(ask, channelId, count) {
  const isBeforeEnd = async (afterSeq) => {
    const page = await ask("message:getOffline", { channelId, afterSeq, limit: 1 });
    return page.messages.some(({ seq }) => seq > afterSeq);
  };
  let low = 0;
  let high = count;
  while (await isBeforeEnd(high)) [low, high] = [high, high * 2];
  while (high - low > count) {
    const middle = Math.floor((low + high) / 2);
    if (await isBeforeEnd(middle)) low = middle;
    else high = middle;
  }
  return Math.max(0, low - count);
}
