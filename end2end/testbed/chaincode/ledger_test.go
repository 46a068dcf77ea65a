package main

import (
	"strings"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

// memory is a state in memory with one call; what the sample does not use is left to the nil interface.
type memory struct {
	shim.ChaincodeStubInterface
	state map[string][]byte
	call  []string
	// What the last call set, as name and payload.
	event string
}

func (m *memory) GetState(key string) ([]byte, error) { return m.state[key], nil }

func (m *memory) PutState(key string, value []byte) error {
	m.state[key] = value
	return nil
}

func (m *memory) SetEvent(name string, payload []byte) error {
	m.event = name + " " + string(payload)
	return nil
}

func (m *memory) GetStringArgs() []string { return m.call }

func (m *memory) GetFunctionAndParameters() (string, []string) { return m.call[0], m.call[1:] }

// do makes a call and returns what it answers, or the refusal.
func (m *memory) do(call string) string {
	m.call, m.event = strings.Fields(call), ""
	answer := example{}.Invoke(m)
	if answer.GetStatus() == shim.OK {
		return string(answer.GetPayload())
	}
	return "refused: " + answer.GetMessage()
}

func TestMovesBetweenAccounts(t *testing.T) {
	ledger := &memory{state: map[string][]byte{}}
	for _, step := range [][2]string{
		{"init a 100 b 200", ""},
		{"query a", "100"},
		{"move a b 10", ""},
		{"query a", "90"},
		{"query b", "210"},
		{"invoke b a 210", ""},
		{"query b", "0"},
		{"move b a 1", ""},
		{"query b", "-1"},
	} {
		if got := ledger.do(step[0]); got != step[1] {
			t.Errorf("%s: %q instead of %q", step[0], got, step[1])
		}
	}
}

func TestOnlyAMoveThatSucceedsSetsAnEvent(t *testing.T) {
	ledger := &memory{state: map[string][]byte{}}
	for _, step := range [][2]string{
		{"init a 100 b 200", ""},
		{"query a", ""},
		{"move a b 10", `moved {"from":"a","to":"b","amount":10}`},
		{"invoke b a 5", `moved {"from":"b","to":"a","amount":5}`},
		{"move a none 1", ""},
	} {
		ledger.do(step[0])
		if ledger.event != step[1] {
			t.Errorf("%s: event %q instead of %q", step[0], ledger.event, step[1])
		}
	}
}

func TestRefusals(t *testing.T) {
	ledger := &memory{state: map[string][]byte{}}
	ledger.do("init a 100 b 9223372036854775807")
	for _, call := range []string{
		"init a 1 a 2",
		"init a 1",
		"init a x b 2",
		"move a b",
		"move a b -1",
		"move a b x",
		"move a a 1",
		"move a none 1",
		"move a b 1",
		"query",
		"query none",
		"unknown",
	} {
		if got := ledger.do(call); !strings.HasPrefix(got, "refused: ") {
			t.Errorf("%s: answered %q", call, got)
		}
	}
	if got := ledger.do("query a"); got != "100" {
		t.Errorf("a refused call changed the balance to %s", got)
	}
}

func TestOnlyTheSecondVersionTellsItsVersion(t *testing.T) {
	ledger := &memory{state: map[string][]byte{}}
	got := ledger.do("version")
	if version == "1" && !strings.HasPrefix(got, "refused: ") || version == "2" && got != "2" {
		t.Errorf("version %s answers %q", version, got)
	}
}

func TestInitialCall(t *testing.T) {
	ledger := &memory{state: map[string][]byte{}, call: []string{"init", "a", "1", "b", "2"}}
	if answer := (example{}).Init(ledger); answer.GetStatus() != shim.OK || string(ledger.state["b"]) != "2" {
		t.Errorf("Init: %v, state %v", answer, ledger.state)
	}
}
