// Submits transactions through Fabric's own gateway client, a number of them at a time, and prints how many a second
// were committed. The other side of `cargo xtask bench invoke`.
package main

import (
	"crypto/x509"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

type settings struct {
	peer, server, tls, msp, mspID, channel, chaincode, prefix string
	inFlight, count                                           int
}

func main() {
	var s settings
	flag.StringVar(&s.peer, "peer", "", "address of the peer")
	flag.StringVar(&s.server, "server", "", "the peer's name in its certificate")
	flag.StringVar(&s.tls, "tls", "", "file with the TLS authority")
	flag.StringVar(&s.msp, "msp", "", "folder with signcerts and keystore")
	flag.StringVar(&s.mspID, "msp-id", "", "organization")
	flag.StringVar(&s.channel, "channel", "", "channel")
	flag.StringVar(&s.chaincode, "chaincode", "", "chaincode")
	flag.StringVar(&s.prefix, "prefix", "", "accounts begin with it")
	flag.IntVar(&s.inFlight, "in-flight", 1, "transactions at a time")
	flag.IntVar(&s.count, "count", 1, "transactions in all")
	flag.Parse()
	perSecond, err := measure(s)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("committed %.3f\n", perSecond)
}

func measure(s settings) (float64, error) {
	contract, closing, err := connect(s)
	if err != nil {
		return 0, err
	}
	defer closing()
	// The first call finds the other peers: what both sides need only once is not measured.
	if err := submit(contract, s.prefix, s.count); err != nil {
		return 0, err
	}
	var next atomic.Int64
	var group sync.WaitGroup
	failures := make(chan error, s.inFlight)
	begin := time.Now()
	for range s.inFlight {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				number := int(next.Add(1)) - 1
				if number >= s.count {
					return
				}
				if err := submit(contract, s.prefix, number); err != nil {
					failures <- err
					return
				}
			}
		}()
	}
	group.Wait()
	took := time.Since(begin)
	select {
	case err := <-failures:
		return 0, err
	default:
		return float64(s.count) / took.Seconds(), nil
	}
}

// submit makes two accounts that nobody else touches, so that no transaction contradicts another.
func submit(contract *client.Contract, prefix string, number int) error {
	a, b := fmt.Sprintf("%sa%d", prefix, number), fmt.Sprintf("%sb%d", prefix, number)
	_, err := contract.SubmitTransaction("init", a, "100", b, "200")
	return err
}

func connect(s settings) (*client.Contract, func(), error) {
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(s.tls)
	if err != nil {
		return nil, nil, err
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, nil, fmt.Errorf("%s holds no certificate", s.tls)
	}
	transport := credentials.NewClientTLSFromCert(roots, s.server)
	connection, err := grpc.Dial(s.peer, grpc.WithTransportCredentials(transport))
	if err != nil {
		return nil, nil, err
	}
	id, sign, err := person(s)
	if err != nil {
		return nil, nil, err
	}
	gateway, err := client.Connect(id, client.WithSign(sign), client.WithClientConnection(connection))
	if err != nil {
		return nil, nil, err
	}
	closing := func() {
		gateway.Close()
		connection.Close()
	}
	return gateway.GetNetwork(s.channel).GetContract(s.chaincode), closing, nil
}

func person(s settings) (*identity.X509Identity, identity.Sign, error) {
	pem, err := only(filepath.Join(s.msp, "signcerts"))
	if err != nil {
		return nil, nil, err
	}
	certificate, err := identity.CertificateFromPEM(pem)
	if err != nil {
		return nil, nil, err
	}
	id, err := identity.NewX509Identity(s.mspID, certificate)
	if err != nil {
		return nil, nil, err
	}
	if pem, err = only(filepath.Join(s.msp, "keystore")); err != nil {
		return nil, nil, err
	}
	key, err := identity.PrivateKeyFromPEM(pem)
	if err != nil {
		return nil, nil, err
	}
	sign, err := identity.NewPrivateKeySign(key)
	return id, sign, err
}

// only reads the one file of a folder.
func only(folder string) ([]byte, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	if len(entries) != 1 {
		return nil, fmt.Errorf("%s holds %d files instead of one", folder, len(entries))
	}
	return os.ReadFile(filepath.Join(folder, entries[0].Name()))
}
