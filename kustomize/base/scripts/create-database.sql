-- Idempotent: run at every start of the pod that owns the database. It needs no superuser: a managed PostgreSQL's
-- administrator (CREATEROLE, CREATEDB) will do. The role's password comes on standard input, twice, and leaves psql
-- only as a SCRAM verifier: it is in no statement, so in no server's log.
SET client_min_messages = warning;
\getenv role ROLE
\getenv database DATABASE
-- One pod at a time.
\o /dev/null
SELECT pg_advisory_lock(hashtext('create-database'));
\o
\if :{?role}
SELECT format('CREATE ROLE %I', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SELECT format('ALTER ROLE %I LOGIN', :'role') \gexec
\password :"role"
-- Only a member of the role may give it a database, unless it is a superuser.
SELECT format('GRANT %I TO CURRENT_USER', :'role')
 WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'role', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'role') \gexec
SELECT format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', :'role') \gexec
\else
SELECT format('CREATE DATABASE %I', :'database')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
\endif
