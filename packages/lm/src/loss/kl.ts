/** The k3 estimate of KL(policy ‖ reference) at a sampled token, and its derivative by the policy's log-probability. Never negative. */
export const k3 = (logprob: number, refLogprob: number): { readonly value: number; readonly byLogprob: number } => {
  const difference = refLogprob - logprob
  // expm1 keeps the digits where the policies are close.
  const excess = Math.expm1(difference)
  return { value: excess - difference, byLogprob: -excess }
}
