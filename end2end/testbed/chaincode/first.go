//go:build !second

package main

import "fmt"

const version = "1"

// callMore refuses: the first version knows no further functions.
func callMore(function string) ([]byte, error) {
	return nil, fmt.Errorf("there is no function %q: use init, move or query", function)
}
