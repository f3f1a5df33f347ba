import { defineErrors } from "./errors.ts";

/** Why PostgreSQL could not be had, as people read it when Roost does not start. */
export const postgresErrors = defineErrors("postgres", {
  in_use: [503, "Another Roost is running on this data folder. Stop it first, or give this one its own folder with ROOST_DATA_DIR."],
  no_binaries: [
    500,
    "There is no built-in PostgreSQL for this kind of machine. Install PostgreSQL 15 or newer and give its address in ROOST_DATABASE_URL.",
  ],
  no_unprivileged_user: [
    500,
    "PostgreSQL refuses to run as root, and this system lets root hand no files to another user. Start Roost as an ordinary user, or set ROOST_DATABASE_URL.",
  ],
  no_passwd_entry: [
    500,
    "The user that runs Roost has no entry in /etc/passwd, which PostgreSQL needs once, when it makes its folder. Add one, or set ROOST_DATABASE_URL.",
  ],
  foreign_folder: [
    500,
    "The database's folder belongs to another user. Start Roost as that user or as root, or hand the folder over with chown -R.",
  ],
  unreachable_folder: [
    500,
    "The database's folder lies where its user cannot get to it. Let others enter the folders above it (chmod a+x), or move the data folder back.",
  ],
  damaged: [
    500,
    "The database's folder is damaged or incomplete, so Roost stopped instead of starting empty. Restore a backup into it; to begin anew, move the whole data folder away.",
  ],
  left_behind: [
    500,
    "A database of an earlier installation at this place was found, but the data folder that belongs to it is gone. Put the data folder back; to begin anew, move the database's folder away.",
  ],
  other_version: [
    500,
    "The database was made by another major version of PostgreSQL than the one that comes with this Roost. Start the Roost that made it, export, and import here.",
  ],
  init_failed: [500, "PostgreSQL could not make its folder. Its own words are under details; nothing was left behind."],
  did_not_start: [500, "PostgreSQL did not start. Its own words are under details."],
  stale: [500, "A PostgreSQL that an earlier Roost left running on this folder cannot be stopped. End the processes listed under details."],
  socket_folder: [
    500,
    "No safe folder for the database's socket could be made. Give Roost a data folder with a shorter path in ROOST_DATA_DIR.",
  ],
  unreachable: [
    503,
    "The database at ROOST_DATABASE_URL does not answer. Check that it runs and that the address, user and password are right.",
  ],
  too_old: [500, "The database is older than PostgreSQL 15. Update it, or leave ROOST_DATABASE_URL out to use the built-in one."],
  not_durable: [
    500,
    "The database does not write commits to disk before it confirms them, so Roost could not keep its promise that nothing acknowledged is lost. Set fsync=on and synchronous_commit=on.",
  ],
  read_only: [500, "The database is a replica or read-only. Give the address of the primary."],
  wrong_encoding: [500, "The database is not in UTF-8. Make it anew with: create database roost encoding 'UTF8' template template0."],
});
