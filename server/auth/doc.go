// Package auth says who is asking and what they may do: tokens for devices
// and programs, sessions and one-time links for people, one table of rights,
// signed links for images, and the checks against forged requests and
// guessing.
//
// It knows nothing of HTTP frameworks and never stores or logs a secret: what
// it keeps are SHA-256 digests of 256-bit random values, which need no salt
// and no slow hash because they cannot be guessed.
package auth
