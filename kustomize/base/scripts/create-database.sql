-- Idempotent: run at every start of the pod that owns the database. The password comes by environment, never by argument.
\getenv role ROLE
\getenv database DATABASE
-- One pod at a time.
\o /dev/null
SELECT pg_advisory_lock(hashtext('create-database'));
\o
\if :{?role}
\getenv password ROLE_PASSWORD
-- No statement with a password in the server's log should one fail. (Only a superuser may say so.)
SET log_min_error_statement = panic;
SELECT format('CREATE ROLE %I', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', :'role', :'password') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'role', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'role') \gexec
SELECT format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', :'role') \gexec
\else
SELECT format('CREATE DATABASE %I', :'database')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
\endif
