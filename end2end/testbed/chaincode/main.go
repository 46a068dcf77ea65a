// Command chaincode is the sample that a first deployment uses: two accounts and moves between them.
//
// It runs as a service: a peer connects to it, never the other way round. Everything it needs comes from the
// environment and from files that the environment names; a missing or broken value ends it at once with the
// reason, so that the log of the container tells what to repair.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

func main() {
	if err := serve(); err != nil {
		log.Fatal(err)
	}
}

func serve() error {
	id := firstOf("CHAINCODE_ID", "CORE_CHAINCODE_ID_NAME")
	if id == "" {
		return errors.New("CHAINCODE_ID is not set: it holds the package id that the peer knows")
	}
	address := os.Getenv("CHAINCODE_SERVER_ADDRESS")
	if address == "" {
		return errors.New("CHAINCODE_SERVER_ADDRESS is not set: for example 0.0.0.0:9999")
	}
	properties, err := tlsProperties()
	if err != nil {
		return err
	}
	log.Printf("example02 version %s listens on %s, TLS %t", version, address, !properties.Disabled)
	server := &shim.ChaincodeServer{CCID: id, Address: address, CC: example{}, TLSProps: properties}
	return server.Start()
}

// tlsProperties reads the key material. TLS is off only when CHAINCODE_TLS_DISABLED says so in words that
// strconv.ParseBool knows; clients are asked for a certificate when CHAINCODE_CLIENT_CA_CERT names a file.
func tlsProperties() (shim.TLSProperties, error) {
	disabled := true
	if text := os.Getenv("CHAINCODE_TLS_DISABLED"); text != "" {
		var err error
		if disabled, err = strconv.ParseBool(text); err != nil {
			return shim.TLSProperties{}, fmt.Errorf("CHAINCODE_TLS_DISABLED must be true or false: %q", text)
		}
	}
	if disabled {
		return shim.TLSProperties{Disabled: true}, nil
	}
	var properties shim.TLSProperties
	var err error
	if properties.Key, err = fileOf("CHAINCODE_TLS_KEY"); err != nil {
		return properties, err
	}
	if properties.Cert, err = fileOf("CHAINCODE_TLS_CERT"); err != nil {
		return properties, err
	}
	if os.Getenv("CHAINCODE_CLIENT_CA_CERT") != "" {
		properties.ClientCACerts, err = fileOf("CHAINCODE_CLIENT_CA_CERT")
	}
	return properties, err
}

func fileOf(variable string) ([]byte, error) {
	path := os.Getenv(variable)
	if path == "" {
		return nil, fmt.Errorf("%s is not set: it names a PEM file", variable)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return raw, nil
}

func firstOf(variables ...string) string {
	for _, variable := range variables {
		if value := os.Getenv(variable); value != "" {
			return value
		}
	}
	return ""
}
