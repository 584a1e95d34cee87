// Tokens of the development issuer, which replaces Clerk.

/**
 * Returns an object with a `getToken` like Clerk's. Its `wanted` is the request to the issuer,
 * `{userId, ttlSeconds}`, or null when the user has signed out; it may change. A refused request
 * simulates an unreachable issuer, and calls `onFailure`.
 */
export function issuedBy(url, wanted, onFailure) {
  const issuer = {
    wanted,
    async getToken() {
      if (issuer.wanted === null) return null;
      const response = await fetch(`${url}/dev/token`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(issuer.wanted),
      });
      const answer = await response.json();
      if (response.ok) return answer.token;
      onFailure();
      throw new Error(answer.message);
    },
  };
  return issuer;
}
