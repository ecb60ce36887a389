/**
 * The `data` of each message of a Server-Sent Events stream that carries one line of data a message, as ours does.
 * Comments (heartbeats) and other fields are skipped.
 */
export async function* eventStreamData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('data: ')) yield line.slice('data: '.length);
  }
}
