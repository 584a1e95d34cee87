// Tokens of the development issuer, which replaces Clerk.

/**
 * Returns an object with a `getToken` like Clerk's. `getToken` sends the request `wanted`,
 * `{userId, ttlSeconds}`, to the issuer. Tests may change `wanted`: null means that the user has
 * signed out, and a refused request simulates an unreachable issuer and calls `onFailure`.
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
