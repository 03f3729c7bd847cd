// Package policy knows what an ImagePolicy's rules say about tags, as Flux's
// image-reflector-controller applies them.
package policy
