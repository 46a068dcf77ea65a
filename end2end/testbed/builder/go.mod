module heddle/testbed/builder

go 1.26
