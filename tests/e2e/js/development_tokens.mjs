// Tokens of a user who is signed in by the development issuer, instead of Clerk.

/**
 * `getToken` as Clerk's. `wanted` may change: it is what the issuer is sent, `{userId, ttlSeconds}`,
 * or null when the user has signed out. What the issuer refuses stands for one out of reach;
 * `onFailure` is told of it.
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
