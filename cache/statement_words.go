package cache

import "strings"

// word is what a bare word means to the analysis.
type word uint8

const (
	// wNone is an identifier.
	wNone word = iota
	// wSkip is a keyword that names nothing.
	wSkip
	// wOperator is a keyword that an operand must follow; no clause begins
	// right behind it.
	wOperator
	wAnd
	wOr
	wNot
	wIn
	wTrue
	wFalse
	wCase
	wBetween
	wSelect
	wDistinct
	wAll
	wFrom
	wWhere
	wGroup
	wHaving
	wWindow
	wOrder
	wLimit
	wOffset
	wFetch
	wBy
	wSetOp
	wWith
	wRecursive
	wMaterialized
	wAs
	wOn
	wUsing
	wLateral
	wJoin
	wJoinKind
	wNatural
	wOver
	wCollate
	wValues
	wFor
	wNow
	wWrite
	wLock
	wSample
)

// clause reports whether the keyword begins a clause of a SELECT behind its
// projection.
func (w word) clause() bool { return w >= wFrom && w <= wFetch || w == wSetOp || w == wFor }

// open reports whether an operand must follow the keyword.
func (w word) open() bool {
	switch w {
	case wOperator, wAnd, wOr, wNot, wIn, wCase, wBetween, wSelect, wDistinct, wAll, wFrom, wWhere, wHaving, wBy, wSetOp, wWith, wAs, wOn,
		wUsing, wLateral, wJoin, wJoinKind, wNatural, wOver, wCollate, wLimit, wOffset, wFetch, wFor, wGroup, wOrder, wWindow:
		return true
	}
	return false
}

// structural reports whether a bare word can't be an identifier.
func (w word) structural() bool { return w > wSkip }

const longestWord = 20

// wordOf returns what a bare word means, letter case aside.
func wordOf(text string) word {
	if len(text) > longestWord {
		return wNone
	}
	var buf [longestWord]byte
	for i := range len(text) {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		buf[i] = c
	}
	return words[string(buf[:len(text)])]
}

var words = wordTable(map[word]string{
	wOperator: `like ilike rlike regexp glob similar is div xor escape then when else isnull notnull sounds interval
		any some exists binary member`,
	wAnd: "and", wOr: "or", wNot: "not", wIn: "in", wTrue: "true", wFalse: "false", wCase: "case", wBetween: "between",
	wSelect: "select", wDistinct: "distinct", wAll: "all", wFrom: "from", wWhere: "where", wGroup: "group", wHaving: "having",
	wWindow: "window", wOrder: "order", wLimit: "limit", wOffset: "offset", wFetch: "fetch", wBy: "by",
	wSetOp: "union except intersect minus", wWith: "with", wRecursive: "recursive", wMaterialized: "materialized", wAs: "as",
	wOn: "on", wUsing: "using", wLateral: "lateral", wJoin: "join straight_join", wJoinKind: "inner left right full cross outer",
	wNatural: "natural", wOver: "over", wCollate: "collate", wValues: "values", wFor: "for",
	wNow: `current_date current_time current_timestamp localtime localtimestamp current_user session_user system_user user
		current_role current_schema current_catalog utc_date utc_time utc_timestamp sysdate`,
	wWrite:  "insert update delete merge into",
	wLock:   "lock",
	wSample: "tablesample",
	// Words that are known columns too count as columns, whatever stands here.
	wSkip: `null end asc desc nulls first last unknown partition range rows groups unbounded preceding following current row exclude
		ties others no only next filter within ordinality rollup cube sets grouping array both leading trailing at time zone
		year month day hour minute second microsecond week quarter epoch century decade dow doy isodow isoyear millennium
		milliseconds microseconds timezone timezone_hour timezone_minute date timestamp timestamptz variadic symmetric asymmetric
		index precision varying without distinctrow sql_no_cache key share mode skip nowait`,
})

func wordTable(m map[word]string) map[string]word {
	table := make(map[string]word, 200)
	for w, list := range m {
		for _, s := range strings.Fields(list) {
			table[s] = w
		}
	}
	return table
}

// notFunctions are keywords that stand before a parenthesis without calling
// anything.
var notFunctions = wordSet(`and or not in any some all exists between like ilike rlike regexp glob similar is div xor escape then when else
	case select distinct by over filter group within partition sets rollup cube grouping row array as on using values from where having
	limit offset union except intersect join order with materialized lateral collate interval binary isnull notnull null end first next
	rows range index varying precision both leading trailing`)

// functionKind says how calling a function bears on caching.
type functionKind uint8

const (
	// functionUnknown may read anything.
	functionUnknown functionKind = iota
	// functionPure depends on its arguments alone.
	functionPure
	// functionAggregate is pure and makes one row of many.
	functionAggregate
	// functionRows is pure and gives rows.
	functionRows
	// functionCast is pure and has a type behind AS.
	functionCast
	// functionVolatile differs from call to call, or with who calls.
	functionVolatile
)

// functionOf classifies a function by its lower-case name.
func functionOf(dialect, name string) functionKind {
	if k, ok := functions[name]; ok {
		return k
	}
	for _, prefix := range [...]string{"pg_", "txid_", "current_", "session_", "utc_", "has_", "inet_client", "inet_server"} {
		if strings.HasPrefix(name, prefix) {
			return functionVolatile
		}
	}
	var set map[string]struct{}
	switch dialect {
	case sqliteDialect:
		if _, ok := sqliteClock[name]; ok {
			return functionVolatile
		}
		set = sqliteFunctions
	case postgresDialect:
		set = postgresFunctions
	case mysqlDialect:
		set = mysqlFunctions
	}
	if _, ok := set[name]; ok {
		return functionPure
	}
	return functionUnknown
}

var functions = func() map[string]functionKind {
	table := make(map[string]functionKind, 300)
	for k, list := range map[functionKind]string{
		functionPure: `abs ceil ceiling floor round mod power pow sqrt exp ln log log10 log2 sign trunc truncate pi sin cos tan asin acos atan
			atan2 cot degrees radians greatest least coalesce nullif ifnull isnull iif if nvl
			lower upper trim ltrim rtrim btrim length char_length character_length octet_length bit_length substr substring replace
			left right lpad rpad reverse repeat position instr locate strpos concat concat_ws ascii char chr hex unhex quote unicode
			initcap translate split_part overlay soundex md5 format printf
			row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
			json_extract json_type json_valid json_length json_array_length json_array json_object json_quote json_unquote json_contains
			json_contains_path json_keys json_search json_depth json_value json_overlaps json_insert json_replace json_set json_remove
			json_merge_patch json_patch json_pretty jsonb_extract json_extract_path json_extract_path_text jsonb_extract_path
			jsonb_extract_path_text jsonb_array_length jsonb_typeof json_typeof jsonb_set jsonb_insert jsonb_pretty jsonb_strip_nulls
			json_strip_nulls to_json to_jsonb json_build_object json_build_array jsonb_build_object jsonb_build_array jsonb_exists
			jsonb_exists_any jsonb_exists_all jsonb_contains jsonb_path_exists jsonb_path_match jsonb_path_query_first
			jsonb_path_query_array row_to_json array_to_json`,
		functionAggregate: `count sum avg min max total group_concat string_agg array_agg json_agg jsonb_agg json_object_agg jsonb_object_agg
			json_group_array json_group_object jsonb_group_array jsonb_group_object json_arrayagg json_objectagg bool_and bool_or every
			bit_and bit_or bit_xor stddev stddev_pop stddev_samp variance var_pop var_samp std percentile_cont percentile_disc median
			corr covar_pop covar_samp any_value grouping mode`,
		functionRows: `json_each json_tree json_table unnest generate_series json_array_elements json_array_elements_text jsonb_array_elements
			jsonb_array_elements_text jsonb_each jsonb_each_text json_each_text json_object_keys jsonb_object_keys jsonb_path_query
			regexp_split_to_table string_to_table regexp_matches`,
		functionCast: "cast try_cast",
		functionVolatile: `now random rand randomblob uuid uuid_short uuid_generate_v1 uuid_generate_v4 gen_random_uuid uuidv4 uuidv7 gen_random_bytes
			random_bytes random_normal nextval lastval currval setval clock_timestamp statement_timestamp transaction_timestamp timeofday
			last_insert_rowid last_insert_id changes total_changes row_count found_rows sysdate curdate curtime unix_timestamp localtime
			localtimestamp version sqlite_version sqlite_source_id user database schema connection_id current_setting set_config sleep
			benchmark get_lock release_lock is_free_lock is_used_lock release_all_locks age load_file setseed`,
	} {
		for _, s := range strings.Fields(list) {
			table[s] = k
		}
	}
	return table
}()

var (
	sqliteFunctions = wordSet("likely unlikely likelihood typeof zeroblob like glob substring json concat")
	// sqliteClock are the functions that read the clock where an argument says
	// 'now' or is left out.
	sqliteClock       = wordSet("date time datetime julianday strftime unixepoch timediff")
	postgresFunctions = wordSet(`extract date date_part date_trunc date_bin to_char to_number to_date to_timestamp make_date make_time
		make_timestamp make_interval justify_days justify_hours justify_interval isfinite
		array_length array_position array_positions array_append array_prepend array_remove array_cat array_upper array_lower
		array_to_string array_ndims cardinality string_to_array regexp_replace regexp_match regexp_like regexp_count regexp_instr
		regexp_substr regexp_split_to_array starts_with to_hex encode decode sha224 sha256 sha384 sha512 num_nonnulls num_nulls
		width_bucket div gcd lcm factorial cbrt scale normalize lower_inc upper_inc isempty int4range int8range numrange daterange
		tsrange tstzrange host masklen network broadcast family abbrev unaccent similarity word_similarity
		st_astext st_asgeojson st_asbinary st_asewkb st_geomfromtext st_geomfromwkb st_setsrid st_makepoint st_point st_x st_y
		st_distance st_dwithin st_contains st_within st_intersects`)
	mysqlFunctions = wordSet(`extract date year month day dayofmonth dayofweek dayofyear dayname monthname quarter week weekday weekofyear
		yearweek hour minute second microsecond date_format date_add date_sub adddate subdate datediff last_day to_days from_days
		timestampdiff timestampadd makedate field elt find_in_set insert mid lcase ucase space strcmp substring_index ord bin oct conv
		crc32 sha sha1 sha2 to_base64 from_base64 regexp_replace regexp_like regexp_instr regexp_substr convert inet_aton inet_ntoa
		inet6_aton inet6_ntoa is_uuid uuid_to_bin bin_to_uuid bit_count export_set make_set interval
		st_astext st_asgeojson st_asbinary st_aswkb st_geomfromtext st_geomfromwkb st_srid st_x st_y st_distance st_distance_sphere
		st_contains st_within st_intersects`)
)

func wordSet(list string) map[string]struct{} {
	set := make(map[string]struct{})
	for _, s := range strings.Fields(list) {
		set[s] = struct{}{}
	}
	return set
}

// rowsColumns are the columns that table functions give their rows.
var rowsColumns = wordSet("key value type atom id parent fullkey path json")

// volatileText reports whether the database may read a text as a time that
// moves: PostgreSQL takes 'now' and its like for a date wherever it needs one,
// alone or beside other words.
func volatileText(dialect, s string) bool {
	switch dialect {
	case postgresDialect:
		if len(s) > 128 {
			return false
		}
		for i := 0; i < len(s); {
			if !isLetter(s[i]) {
				i++
				continue
			}
			start := i
			for i < len(s) && isLetter(s[i]) {
				i++
			}
			if movingWord(s[start:i]) {
				return true
			}
		}
		return false
	case sqliteDialect:
		return movingWord(strings.TrimSpace(s))
	}
	return false
}

func movingWord(s string) bool {
	switch len(s) {
	case 3:
		return strings.EqualFold(s, "now")
	case 5:
		return strings.EqualFold(s, "today")
	case 8:
		return strings.EqualFold(s, "tomorrow")
	case 9:
		return strings.EqualFold(s, "yesterday")
	}
	return false
}
