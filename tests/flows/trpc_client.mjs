// The real tRPC client, as a widget uses it. Arguments: folder with node_modules, API URL, JSON of wishes.
// Prints one line of JSON: what each wish gave, and the HTTP requests it took.
import { createRequire } from 'node:module'

const [folder, url, wishes] = process.argv.slice(2)
const { createTRPCClient, httpBatchLink, httpLink } = createRequire(`${folder}/package.json`)('@trpc/client')

const requests = []
const counting = (input, init) => {
  requests.push(`${init?.method ?? 'GET'} ${new URL(input).pathname}`)
  return fetch(input, init)
}

const ask = async (client, wish) => {
  try {
    return { data: await client.livekit.getToken[wish.kind](wish.input) }
  } catch (error) {
    return { code: error.data?.code, status: error.data?.httpStatus, message: error.message }
  }
}

const answers = {}
for (const [name, { link, calls }] of Object.entries(JSON.parse(wishes))) {
  const options = { url: `${url}/api/trpc`, fetch: counting }
  const client = createTRPCClient({ links: [link === 'batch' ? httpBatchLink(options) : httpLink(options)] })
  requests.length = 0
  const results = await Promise.all(calls.map((call) => ask(client, call)))
  answers[name] = { results, requests: [...requests] }
}
console.log(JSON.stringify(answers))
