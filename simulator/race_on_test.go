//go:build race

package simulator

// raced says that the race detector makes stacks and objects larger.
const raced = true
