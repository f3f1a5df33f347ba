import { useMutation, useQueryClient } from "@tanstack/react-query";

/** A change to flags or plans: afterwards the pages about both ask again. */
export function useTurn<Input>(work: (input: Input) => Promise<unknown>, onDone: () => void) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: work,
    onSuccess: async () => {
      await Promise.all([
        queryClient.invalidateQueries({ queryKey: ["flags"] }),
        queryClient.invalidateQueries({ queryKey: ["rollout-plans"] }),
      ]);
      onDone();
    },
  });
}
