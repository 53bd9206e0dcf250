package cache

import (
	"strconv"
	"strings"
)

// body looks at the rest of a statement for what may write besides: functions,
// and statements within.
func (p *rawParser) body(i, end int32) {
	for ; i < end; i++ {
		t := &p.tokens[i]
		if !t.isName() {
			continue
		}
		dotted := i > 0 && p.tokens[i-1].isOp('.')
		if t.word == wWrite && !dotted {
			switch {
			case p.is(i, "insert") && p.dialect == mysqlDialect && p.tokens[i+1].isOp('('):
			case p.is(i, "update") && p.is(i-1, "do", "for", "key", "then"):
			case p.is(i, "insert", "delete") && p.is(i-1, "then"):
			default:
				p.unread(strings.ToUpper(t.text) + " inside of a statement")
			}
			continue
		}
		if p.tokens[i+1].isOp('(') {
			p.call(i, dotted)
		}
	}
}

// call notes the name before a parenthesis at i if it calls a function of which
// it isn't known that it doesn't write.
func (p *rawParser) call(i int32, dotted bool) {
	t := &p.tokens[i]
	name := strings.ToLower(t.text)
	if t.kind == tokWord && !dotted {
		if _, ok := notFunctions[name]; ok {
			return
		}
		if _, ok := rawNotCalls[name]; ok {
			return
		}
	}
	if !dotted && p.is(i-1, "as") {
		return // an alias with columns
	}
	known := !dotted || i > 1 && p.dialect == postgresDialect && strings.EqualFold(p.tokens[i-2].text, "pg_catalog")
	if known && (t.kind == tokWord || t.text == name) && harmless(p.dialect, name) {
		return
	}
	p.w.calls = append(p.w.calls, name)
}

// rawNotCalls are words that stand before a parenthesis in writes, and types,
// without calling anything.
var rawNotCalls = wordSet(`conflict set returning nothing insert update do default only duplicate key matched then nulls
	varchar character char nchar nvarchar numeric decimal dec float real double time timestamp bit varbit varbinary binary signed unsigned
	integer int bigint smallint datetime vector geometry geography`)

// harmless reports whether a function writes nothing that a result may depend on.
// Sequences are nothing of that kind.
func harmless(dialect, name string) bool {
	if _, ok := functions[name]; ok {
		return true
	}
	if dialect == sqliteDialect {
		if _, ok := sqliteClock[name]; ok {
			return true
		}
		if pragma, ok := strings.CutPrefix(name, "pragma_"); ok {
			_, ok = rawPragmas[pragma]
			return ok
		}
	}
	if _, ok := systemFunctions[name]; ok {
		return true
	}
	switch functionOf(dialect, name) {
	case functionPure, functionAggregate, functionRows, functionCast:
		return true
	}
	return false
}

// systemFunctions read the state of the server or of the connection, or lock.
var systemFunctions = wordSet(`pg_sleep pg_sleep_for pg_sleep_until pg_backend_pid pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock
	pg_advisory_unlock_shared pg_advisory_unlock_all pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock
	pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared pg_notify pg_typeof pg_is_in_recovery
	pg_relation_size pg_total_relation_size pg_table_size pg_indexes_size pg_database_size pg_size_pretty pg_column_size
	pg_get_expr pg_get_indexdef pg_get_constraintdef pg_get_viewdef pg_get_serial_sequence pg_get_userbyid pg_table_is_visible
	pg_current_xact_id pg_postmaster_start_time txid_current txid_current_if_assigned current_database current_schemas
	current_setting format_type obj_description col_description shobj_description to_regclass to_regtype has_table_privilege
	has_schema_privilege has_column_privilege inet_client_addr inet_server_addr`)

// value adds the value that is a token, a placeholder or a whole number.
func (pin *rawPin) value(t *token) bool {
	switch t.kind {
	case tokArg:
		pin.values = append(pin.values, value{arg: t.n})
		return true
	case tokNumber:
		n, err := strconv.ParseInt(t.text, 10, 64)
		pin.values = append(pin.values, value{arg: -1, literal: n})
		return err == nil
	}
	return false
}
