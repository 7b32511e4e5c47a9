-- A row is an alias and one of its targets. Write several rows for several targets.
--
-- An alias is an address, or @domain for all other addresses of a domain. It is in lower
-- case, and its domain in ASCII (xn--…). A target is any address.
CREATE TABLE aliases (
	alias  TEXT NOT NULL CHECK (alias = lower(alias) AND alias LIKE '%@%' AND alias NOT GLOB '*@*[^ -~]*'),
	target TEXT NOT NULL CHECK (target LIKE '%_@_%'),
	PRIMARY KEY (alias, target)
) WITHOUT ROWID;
