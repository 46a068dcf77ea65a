//go:build second

package main

import "fmt"

const version = "2"

// callMore adds what the second version knows beyond the first, so that an upgrade can be seen to have happened.
func callMore(function string) ([]byte, error) {
	if function == "version" {
		return []byte(version), nil
	}
	return nil, fmt.Errorf("there is no function %q: use init, move, query or version", function)
}
