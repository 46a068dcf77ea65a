package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// example moves whole numbers between named accounts; one account is one key of the state.
type example struct{}

// Init serves definitions that require an initial call: with arguments it does what the function init does.
func (e example) Init(stub shim.ChaincodeStubInterface) *peer.Response {
	if len(stub.GetStringArgs()) == 0 {
		return shim.Success(nil)
	}
	return e.Invoke(stub)
}

// Invoke answers one call. Every refusal says what was expected, because people read it on a page.
func (example) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	function, arguments := stub.GetFunctionAndParameters()
	var result []byte
	var err error
	switch function {
	case "init":
		err = initialise(stub, arguments)
	case "move", "invoke":
		err = move(stub, arguments)
	case "query":
		result, err = query(stub, arguments)
	default:
		result, err = callMore(function)
	}
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(result)
}

// initialise stores the balances of two accounts: init a 100 b 200.
func initialise(stub shim.ChaincodeStubInterface, arguments []string) error {
	if len(arguments) != 4 {
		return errors.New("init needs four arguments: account, balance, account, balance")
	}
	if arguments[0] == arguments[2] {
		return errors.New("init needs two different accounts")
	}
	for i := 0; i < len(arguments); i += 2 {
		amount, err := strconv.ParseInt(arguments[i+1], 10, 64)
		if err != nil {
			return fmt.Errorf("the balance of account %q is not a whole number: %q", arguments[i], arguments[i+1])
		}
		if err := write(stub, arguments[i], amount); err != nil {
			return err
		}
	}
	return nil
}

// moved is the payload of the event that a move sets, as JSON.
type moved struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Amount int64  `json:"amount"`
}

// move takes an amount from the first account and adds it to the second, and tells it as the event "moved":
// move a b 10.
func move(stub shim.ChaincodeStubInterface, arguments []string) error {
	if len(arguments) != 3 {
		return errors.New("move needs three arguments: from account, to account, amount")
	}
	amount, err := strconv.ParseInt(arguments[2], 10, 64)
	if err != nil || amount < 0 {
		return fmt.Errorf("the amount must be a whole number from 0 on: %q", arguments[2])
	}
	if arguments[0] == arguments[1] {
		return errors.New("move needs two different accounts")
	}
	from, err := read(stub, arguments[0])
	if err != nil {
		return err
	}
	to, err := read(stub, arguments[1])
	if err != nil {
		return err
	}
	if from < math.MinInt64+amount || to > math.MaxInt64-amount {
		return errors.New("the amount is too large for these balances")
	}
	if err := write(stub, arguments[0], from-amount); err != nil {
		return err
	}
	if err := write(stub, arguments[1], to+amount); err != nil {
		return err
	}
	payload, err := json.Marshal(moved{From: arguments[0], To: arguments[1], Amount: amount})
	if err != nil {
		return err
	}
	return stub.SetEvent("moved", payload)
}

// query returns a balance in decimal digits: query a.
func query(stub shim.ChaincodeStubInterface, arguments []string) ([]byte, error) {
	if len(arguments) != 1 {
		return nil, errors.New("query needs one argument: account")
	}
	amount, err := read(stub, arguments[0])
	if err != nil {
		return nil, err
	}
	return strconv.AppendInt(nil, amount, 10), nil
}

func read(stub shim.ChaincodeStubInterface, account string) (int64, error) {
	raw, err := stub.GetState(account)
	if err != nil {
		return 0, fmt.Errorf("account %q could not be read: %w", account, err)
	}
	if raw == nil {
		return 0, fmt.Errorf("there is no account %q", account)
	}
	return strconv.ParseInt(string(raw), 10, 64)
}

func write(stub shim.ChaincodeStubInterface, account string, amount int64) error {
	if account == "" {
		return errors.New("an account needs a name")
	}
	return stub.PutState(account, strconv.AppendInt(nil, amount, 10))
}
