// The node of the tests: one static program that shows what a node is given and what it can reach.
//
// It prints "boot N" when it starts for the N-th time on the same data, tells its rights, tries the addresses that
// it is asked to try, answers on the ports of NODE_LISTEN, and ends with 0 when it is told to.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func boots() int {
	folder := os.Getenv("NODE_DATA")
	if folder == "" {
		return 1
	}
	path := filepath.Join(folder, "boots")
	before, _ := os.ReadFile(path)
	count, _ := strconv.Atoi(string(before))
	count++
	if err := os.WriteFile(path, []byte(strconv.Itoa(count)), 0o600); err != nil {
		fmt.Println("data is not writable:", err)
	}
	return count
}

func rights() {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		for _, name := range []string{"CapEff:", "CapBnd:", "NoNewPrivs:"} {
			if value, found := strings.CutPrefix(line, name); found {
				fmt.Println("right", name, strings.TrimSpace(value))
			}
		}
	}
	if err := os.WriteFile("/probe", nil, 0o600); err != nil {
		fmt.Println("root is read-only")
	} else {
		fmt.Println("root is writable")
	}
}

func files() {
	for _, path := range strings.Fields(os.Getenv("NODE_SHOW")) {
		info, err := os.Stat(path)
		if err != nil {
			fmt.Println("file", path, err)
			continue
		}
		owner := info.Sys().(*syscall.Stat_t)
		content, err := os.ReadFile(path)
		fmt.Printf("file %s %o %d:%d %d bytes readable=%v\n", path, info.Mode().Perm(), owner.Uid, owner.Gid, len(content), err == nil)
	}
}

func reach() {
	for _, address := range strings.Fields(os.Getenv("NODE_REACH")) {
		connection, err := net.DialTimeout("tcp", address, 3*time.Second)
		if err != nil {
			fmt.Println("closed", address)
			continue
		}
		connection.Close()
		fmt.Println("open", address)
	}
	fmt.Println("reach done")
}

func answer(port string) {
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		fmt.Println("cannot listen on", port, err)
		return
	}
	fmt.Println("listening", port)
	name, _ := os.Hostname()
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		fmt.Fprintf(connection, "hello from %s\n", name)
		connection.Close()
	}
}

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	fmt.Println("boot", boots())
	rights()
	files()
	fmt.Fprintln(os.Stderr, "to standard error")
	for _, port := range strings.Fields(os.Getenv("NODE_LISTEN")) {
		go answer(port)
	}
	if code, err := strconv.Atoi(os.Getenv("NODE_EXIT")); err == nil {
		os.Exit(code)
	}
	reach()
	<-ended
}
