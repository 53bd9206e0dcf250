package entcache_test

import (
	"context"
	"fmt"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/customer"
	"github.com/entcache/ent-cache/ent/intercept"
	"github.com/entcache/ent-cache/entcache"
)

// Interceptors, privacy rules and traversers that narrow a query down are part
// of its SQL, and the SQL is part of the key: a tenant gets its own entries.
func Example_tenants() {
	type tenant struct{}
	client := ent.NewClient(ent.Driver(openStore()))
	client.Intercept(entcache.Interceptor())
	client.Customer.Intercept(intercept.TraverseCustomer(func(ctx context.Context, q *ent.CustomerQuery) error {
		q.Where(customer.Country(ctx.Value(tenant{}).(string)))
		return nil
	}))

	for _, country := range []string{"Norway", "Brazil", "Norway", "Brazil"} {
		ctx := context.WithValue(context.Background(), tenant{}, country)
		fmt.Println(country, client.Customer.Query().OnlyX(ctx).FirstName)
	}
	// Output:
	// db: SELECT … FROM customers WHERE customers.country = Norway LIMIT 2
	// Norway Dee
	// db: SELECT … FROM customers WHERE customers.country = Brazil LIMIT 2
	// Brazil Eli
	// Norway Dee
	// Brazil Eli
}
