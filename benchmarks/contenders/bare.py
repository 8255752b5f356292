"""The bare OpenAI client: two calls an example, and nothing around them."""

from __future__ import annotations

import asyncio

from openai import AsyncOpenAI

from benchmarks.contenders.task import DRAFT, REFINE, Task


def main() -> None:
    task = Task.from_arguments()
    client = AsyncOpenAI(base_url=task.url, api_key="none-needed")
    places = asyncio.Semaphore(task.at_once)

    async def ask(system: str, user: str) -> str:
        async with places:
            reply = await client.chat.completions.create(
                model="benchmark",
                messages=[{"role": "system", "content": system}, {"role": "user", "content": user}],
            )
        return reply.choices[0].message.content or ""

    async def reply(ticket: str) -> str:
        return await ask(REFINE, await ask(DRAFT, ticket))

    async def work(tickets: list[str]) -> None:
        await asyncio.gather(*(reply(ticket) for ticket in tickets))

    task.measure_async(work)


if __name__ == "__main__":
    main()
