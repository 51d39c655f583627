-- Runs at every start of the pod that owns the database, and changes only what is missing. It needs no superuser, only
-- CREATEROLE and CREATEDB, as the administrator of a managed PostgreSQL has them. The role's password comes on standard
-- input, twice. It leaves psql only as a SCRAM verifier, so no statement has it, and no server logs it.
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
-- Only a member of the role, or a superuser, may give it a database.
SELECT format('GRANT %I TO CURRENT_USER', :'role')
 WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'role', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'role') \gexec
SELECT format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', :'role') \gexec
\else
SELECT format('CREATE DATABASE %I', :'database')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
\endif
