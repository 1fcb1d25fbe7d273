// Shares as people read them.
import { useFormat } from '@/blocks/format'

/** Makes a percentage. It is rounded down: what is not whole must not look whole. */
export function usePercent(): (share: number | null | undefined) => string {
  const { tag } = useFormat()
  return (share) =>
    share === undefined || share === null
      ? '–'
      : new Intl.NumberFormat(tag(), {
          style: 'percent',
          maximumFractionDigits: 1,
          roundingMode: 'floor',
        } as Intl.NumberFormatOptions).format(share)
}
