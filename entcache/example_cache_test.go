package entcache_test

import (
	"context"
	"fmt"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

// Cache asks for reads that the policy leaves out: the Mixin of Employee names
// its operations, and Exist isn't among them.
func ExampleCache() {
	ctx := context.Background()
	client := ent.NewClient(ent.Driver(openStore()))
	client.Intercept(entcache.Interceptor())

	for range 2 {
		fmt.Println(client.Employee.Query().ExistX(ctx))
	}
	fmt.Println("-- on demand")
	ctx = entcache.Cache(ctx)
	for range 2 {
		fmt.Println(client.Employee.Query().ExistX(ctx))
	}
	// Output:
	// db: SELECT employees.id FROM employees LIMIT 1
	// true
	// db: SELECT employees.id FROM employees LIMIT 1
	// true
	// -- on demand
	// db: SELECT employees.id FROM employees LIMIT 1
	// true
	// true
}
