import { defineErrors } from "./errors.ts";

/** Errors of kept files (photos, clips), whatever route they came by. */
export const blobErrors = defineErrors("blobs", {
  full: [
    507,
    "Your organisation has used up its room for files. Remove some, or an administrator raises ROOST_BLOBS_MAX_MB_PER_ORGANISATION. Nothing was stored.",
  ],
  disk_full: [507, "The disk of the server is full. Nothing was stored; make room there and try again."],
  too_large: [413, "The file is larger than Roost keeps. Nothing was stored."],
  bad_media_type: [415, "The media type of the file cannot be read. Nothing was stored."],
  damaged: [500, "The file is on record, but what is on disk is not what was stored. Restore the folder of blobs from a backup."],
});
