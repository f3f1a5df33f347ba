const longestSidePx = 1_600;
const quality = 0.86;

/**
 * Makes a photo of a camera small enough to send: at most 1,600 px, JPEG, and with the pixels alone, so that nothing the camera wrote into it goes
 * along.
 *
 * @throws where the browser cannot read it as a picture.
 */
export async function shrinkPhoto(file: Blob): Promise<Blob> {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, longestSidePx / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob === null ? reject(new Error("The picture could not be written.")) : resolve(blob)),
      "image/jpeg",
      quality,
    );
  });
}

/** Sends a photo of a plant. @throws the answer's error */
export async function sendPhoto(plantId: string, file: Blob): Promise<void> {
  const answer = await fetch(`/api/v1/kits/garden/plants/${encodeURIComponent(plantId)}/photos`, {
    method: "POST",
    credentials: "same-origin",
    headers: { "content-type": "image/jpeg" },
    body: await shrinkPhoto(file),
  });
  if (!answer.ok) throw new Error(((await answer.json()) as { error?: { message?: string } }).error?.message ?? "The photo was refused.");
}
